import time

import pytest

from visavis.ros import diagnostics
from visavis.ros.diagnostics import Health


def values(health: Health) -> tuple[int, str, dict[str, str]]:
    (status,) = health.report("/avatar/node", "active", 5).status
    assert status.name == "/avatar/node" and status.hardware_id == "visavis"
    return status.level[0], status.message, {pair.key: pair.value for pair in status.values}


def test_figures_are_what_was_put_in() -> None:
    health = Health()
    for milliseconds in range(1, 101):
        health.published(milliseconds * 1_000_000, frames=2)
        health.computed(milliseconds / 1000, milliseconds / 2000)
    health.count("gaps", 3)
    health.set_counter("drops", 4)
    health.gauge("queue_depth", 5)
    level, message, found = values(health)
    assert (level, message) == (0, "active")
    assert found["frames"] == "200" and found["gaps"] == "3" and found["drops"] == "4" and found["queue_depth"] == "5"
    assert float(found["latency_p50_ms"]) == 50.5 and float(found["latency_p99_ms"]) == pytest.approx(99.01)
    assert float(found["compute_p50_ms"]) == 50.5 and float(found["compute_cpu_p50_ms"]) == 25.25
    assert {"state", "fps", "errors"} <= set(found)


def test_fps_is_counted_since_the_last_report() -> None:
    health = Health()
    values(health)
    time.sleep(0.2)
    for _ in range(6):
        health.published(0)
    assert 5 < float(values(health)[2]["fps"]) <= 30
    time.sleep(0.05)
    assert float(values(health)[2]["fps"]) == 0


def test_the_level_says_how_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health()
    health.trouble("a chunk was dropped")
    assert values(health)[:2] == (1, "a chunk was dropped")
    health.fail("no weights")
    assert values(health)[:2] == (2, "no weights")
    health.recover()
    monkeypatch.setattr(diagnostics, "WARNING_SECONDS", 0.0)
    assert values(health)[:2] == (0, "active")


def test_a_node_without_work_has_no_percentiles() -> None:
    assert values(Health())[2]["latency_p50_ms"] == "nan"
