"""What is written is spoken by the running graph: the action, its ends, the command line, the page. The voice is a tone (doubles.py)."""

import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from action_msgs.msg import GoalStatus
from browser import Viewer, chromium, start_bridge
from rclpy.action import ActionClient
from ros_graph import Graph
from std_msgs.msg import String
from std_srvs.srv import Trigger
from visavis_msgs.action import Say
from visavis_msgs.msg import AudioChunk, MotionChunk

LONG = "This is a sentence that takes some seconds to be spoken. " * 8
SAY = [sys.executable, "-m", "visavis.cli.main", "say"]


class Asked:
    """One goal, from its sending to its result."""

    def __init__(self, ros: Graph, client: ActionClient, text: str, **goal: Any) -> None:
        self._ros = ros
        self.told: list[Any] = []
        self.result: Any = None
        ros.wait(client.server_is_ready, "the action say")
        future = client.send_goal_async(Say.Goal(text=text, **goal), feedback_callback=lambda msg: self.told.append(msg.feedback))
        ros.wait(future.done, "an answer to the goal")
        self.handle = future.result()
        assert self.handle.accepted
        self.handle.get_result_async().add_done_callback(lambda done: setattr(self, "result", done.result()))

    def end(self) -> tuple[int, Any]:
        self._ros.wait(lambda: self.result, "the result")
        return self.result.status, self.result.result


def heard_of(messages: list[AudioChunk]) -> dict[int, list[AudioChunk]]:
    found: dict[int, list[AudioChunk]] = {}
    for msg in messages:
        found.setdefault(msg.utterance_id, []).append(msg)
    return found


def test_texts_are_spoken_replaced_cancelled_interrupted_and_refused(ros: Graph, tmp_path: Path) -> None:
    ros.env["SCREEN_FAULTS"] = str(tmp_path)
    (tmp_path / "no_voice").touch()
    node = ros.start("speech_synthesis")
    audio = ros.listen(AudioChunk, "audio", depth=5000)
    client = ActionClient(ros.node, Say, "say")

    # A voice that cannot be loaded: told, not waited for; and mended without a restart.
    ros.wait(lambda: ros.level("speech_synthesis") == 2, "word that there is no voice")
    status, result = Asked(ros, client, "Hello.").end()
    assert status == GoalStatus.STATUS_ABORTED and "take it away" in result.message
    (tmp_path / "no_voice").unlink()
    ros.wait(lambda: ros.state("speech_synthesis") == "active", "the voice")

    # Spoken to the end, in order, one utterance unless the machine stood still.
    asked = Asked(ros, client, "Hello there. How are you?", speed=2.0)
    status, result = asked.end()
    assert status == GoalStatus.STATUS_SUCCEEDED and not result.interrupted and result.message == ""
    ros.wait(lambda: audio and audio[-1].end_of_utterance, "the end of the utterance")
    samples = np.concatenate([np.frombuffer(msg.samples, np.int16) for msg in audio if msg.samples])
    expected = sum(int(1600 * len(words) / 2) for words in ("Hello there.", "How are you?"))
    assert np.count_nonzero(samples) == expected and result.seconds * 16_000 >= expected
    for chunks in heard_of(audio).values():
        firsts = [msg.first_sample for msg in chunks]
        assert firsts == list(np.cumsum([0, *(len(msg.samples) for msg in chunks[:-1])])), "without a gap"
    ros.wait(lambda: asked.told[-1].sentence == "How are you?", "feedback")
    assert asked.told[-1].spoken == "Hello there. How are you?"

    def begin(text: str = LONG) -> Asked:
        asked, before = Asked(ros, client, text), len(audio)
        ros.wait(lambda: sum(bool(msg.samples) for msg in audio[before:]) > 5, "its sound")
        return asked

    # A newer text takes the place of the one that is spoken.
    first, second = begin(), begin()
    status, result = first.end()
    assert status == GoalStatus.STATUS_ABORTED and result.interrupted and "newer text" in result.message and result.seconds > 0.1
    # Cancelled.
    second.handle.cancel_goal_async()
    status, result = second.end()
    assert status == GoalStatus.STATUS_CANCELED and result.interrupted
    ros.wait(lambda: audio[-1].end_of_utterance, "word that it ended")
    # Somebody else speaks.
    third = begin()
    ros.speak(np.full(16_000, 5000, np.int16), utterance_id=2**53, subscribers=1, pace=20.0)
    status, result = third.end()
    assert status == GoalStatus.STATUS_ABORTED and result.message == "somebody else speaks"
    # The service interrupt, of the node that makes motion.
    ros.start("motion_diffusion")
    motion = ros.listen(MotionChunk, "motion")
    ros.wait(lambda: motion, "motion")
    fourth = begin()
    ros.call(Trigger, "interrupt", Trigger.Request())
    status, result = fourth.end()
    assert status == GoalStatus.STATUS_ABORTED and result.message == "interrupted"

    # What cannot be spoken.
    for goal, reason in (({"text": ""}, "write a text"), ({"text": "Привет"}, "Cyrillic"), ({"text": "a", "voice": "nobody"}, "no voice")):
        status, result = Asked(ros, client, **goal).end()
        assert status == GoalStatus.STATUS_ABORTED and reason in result.message
    status, result = Asked(ros, client, "Now stumble.").end()
    assert status == GoalStatus.STATUS_ABORTED and "this voice stumbled" in result.message

    # On the command line; Ctrl-C is a cancel.
    command = ros.run([*SAY, "Good bye."])
    ros.wait(lambda: command.process.poll() is not None, "the end of the command")
    assert command.wait() == 0 and command.lines == ["Good bye."]
    command, before = ros.run([*SAY, LONG]), len(audio)
    ros.wait(lambda: len(audio) > before + 10, "its sound")
    ended = ros.value("speech_synthesis", "texts_interrupted")
    assert command.stop() == 130
    ros.wait(lambda: ros.value("speech_synthesis", "texts_interrupted") > ended, "the end of the text")
    client.destroy()
    assert node.stop() == 0
    command = ros.run([*SAY, "--wait", "1", "Hello?"])
    assert command.wait() == 1 and "say:=true" in command.said


def test_typed_on_the_page_and_a_photo_that_is_sent(ros: Graph, tmp_path: Path) -> None:
    ros.start_avatar()
    _, url = start_bridge(ros, upload_folder=str(tmp_path / "uploads"))
    with chromium(tmp_path) as browser:
        viewer = Viewer(ros, browser, url)
        viewer.wait_live()
        viewer.wait(lambda: "say:=true" in viewer.page.inner_text("#say-hint"), "the reason why nothing can be typed")
        assert viewer.page.is_disabled("#say-text")
        ros.start("speech_synthesis")
        viewer.wait(lambda: viewer.page.is_enabled("#say-text"), "the text field")
        assert viewer.page.locator("#voice option").count() == 2

        audio = ros.listen(AudioChunk, "audio", depth=5000)
        viewer.page.keyboard.press("/")
        viewer.page.keyboard.type(LONG)
        viewer.page.keyboard.press("Enter")
        viewer.wait(lambda: "takes some seconds" in viewer.page.inner_text("#caption"), "what is spoken")
        viewer.wait(lambda: viewer.brightness > 60, "the picture of a loud voice")
        assert viewer.page.input_value("#say-text") == ""
        viewer.page.keyboard.press("Escape")
        viewer.wait(lambda: viewer.page.is_hidden("#caption"), "silence")
        ros.wait(lambda: audio[-1].end_of_utterance, "the end of the utterance")
        viewer.page.keyboard.type("Привет")
        viewer.page.keyboard.press("Enter")
        viewer.wait(lambda: "Cyrillic" in viewer.status, "the reason of a refusal")

        asked = ros.listen(String, "portrait")
        noise = np.random.default_rng(0).integers(0, 255, (400, 300, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "noise.png"), noise)
        viewer.page.set_input_files("#photo", tmp_path / "noise.png")
        ros.wait(lambda: asked, "the photo to reach the graph")
        path = Path(asked[-1].data)
        assert path.parent == tmp_path / "uploads" and path.read_bytes().startswith(b"\xff\xd8")
        viewer.wait(lambda: "No face" in viewer.page.inner_text("#upload-state"), "what the fit said")
        (tmp_path / "text.jpg").write_text("no picture")
        viewer.page.set_input_files("#photo", tmp_path / "text.jpg")
        viewer.wait(lambda: "no JPEG" in viewer.page.inner_text("#upload-state"), "a refusal")
        assert os.listdir(tmp_path / "uploads") == [path.name]
        assert viewer.errors == []
    ros.assert_no_errors()
