"""Two minutes as one stream, with the weights that ship: on time, no larger than it began, and nobody sees where chunks join."""

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.evaluation.endurance import endure
from visavis.runtime.motion import load_motion_stage


def test_a_long_stream_keeps_time_stays_small_and_has_no_seams() -> None:
    found = endure(load(default_speech()), 120.01, load_motion_stage())
    assert found.frames == found.expected == 3601
    assert found.end_state <= found.warm_state
    assert found.end_mb < found.warm_mb + 20
    for name, joins in found.joins.items():
        assert joins.between < 1.2 * joins.inside, name
        assert joins.between_largest < 1.25 * joins.inside_largest, name
