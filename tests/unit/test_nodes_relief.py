"""When the network of the skin goes, and when it comes back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from visavis.nodes.relief import FADE, LATE, LONGEST_WAIT, WAIT, Relief

IN_TIME, LATE_NS = 60_000_000, -5_000_000


def after(relief: Relief, count: int, early_ns: int) -> list[float]:
    """Shares of the pictures that follow."""
    shares = []
    for _ in range(count):
        relief.drawn(early_ns)
        shares.append(relief.share)
    return shares


def pictures_until(relief: Relief, share: float, early_ns: int, limit: int = 10 * LONGEST_WAIT) -> int:
    return next(count for count in range(1, limit) if after(relief, 1, early_ns) == [share])


def test_a_slow_machine_leaves_the_network_out_and_a_quick_one_takes_it_back() -> None:
    relief = Relief()
    assert after(relief, 300, IN_TIME) == [1.0] * 300
    assert pictures_until(relief, 0.0, LATE_NS) == LATE + FADE
    assert relief.away and relief.reliefs == 1
    assert pictures_until(relief, 1.0, IN_TIME) == WAIT + FADE
    assert not relief.away and relief.unrefined == WAIT + 2 * FADE - 1


@given(st.lists(st.sampled_from([IN_TIME, LATE_NS, 0]), max_size=2000))
def test_it_never_jumps_and_is_counted(times: list[int]) -> None:
    relief, shares = Relief(), [1.0]
    for early_ns in times:
        relief.drawn(early_ns)
        shares.append(relief.share)
    assert all(abs(b - a) <= 1 / FADE + 1e-9 for a, b in pairwise(shares))
    assert relief.unrefined == sum(share < 1 for share in shares[:-1])
    assert (relief.reliefs > 0) == (min(shares) < 1 or relief.away)


def test_one_that_stood_still_and_makes_up_for_it_keeps_the_network() -> None:
    relief = Relief()
    for _ in range(100):
        assert after(relief, LATE - 1, LATE_NS) == [1.0] * (LATE - 1)
        after(relief, 30, IN_TIME)
    assert relief.reliefs == 0


def test_a_machine_that_is_a_little_too_slow_changes_less_and_less_often() -> None:
    relief, waits = Relief(), []
    for _ in range(8):
        pictures_until(relief, 0.0, LATE_NS)
        waits.append(pictures_until(relief, 1.0, IN_TIME))
    assert waits == sorted(waits) and waits[1] > 1.5 * waits[0] and waits[-1] <= LONGEST_WAIT + FADE
    after(relief, LONGEST_WAIT, IN_TIME)  # a long time without trouble is a new beginning
    pictures_until(relief, 0.0, LATE_NS)
    assert pictures_until(relief, 1.0, IN_TIME) == waits[0]


def test_no_room_to_spare_keeps_it_away() -> None:
    relief = Relief()
    pictures_until(relief, 0.0, LATE_NS)
    assert after(relief, 10 * WAIT, 0) == [0.0] * 10 * WAIT
