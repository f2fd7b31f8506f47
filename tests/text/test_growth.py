import numpy as np
import pytest

from tamis.text.growth import doubled, doubled_rows


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("size", [0, 1, 5])
def test_what_was_there_stays_and_as_much_room_is_behind(
    kind: type[np.int64], size: int
) -> None:
    values = np.arange(size, dtype=kind)
    larger = doubled(values)
    assert (larger.dtype, len(larger)) == (kind, 2 * size)
    assert larger[:size].tolist() == values.tolist()


def test_rows_stay_whole() -> None:
    rows = np.arange(12).reshape(4, 3)
    larger = doubled_rows(rows)
    assert larger.shape == (8, 3)
    assert larger[:4].tolist() == rows.tolist()
