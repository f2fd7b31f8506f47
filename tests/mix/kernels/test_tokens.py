import numpy as np

from tamis.mix.kernels.tokens import bytes_per_character, estimated_tokens


def test_dense_scripts_have_more_tokens_per_character() -> None:
    english, russian, arabic, chinese, thai, unknown, empty = estimated_tokens(
        np.array([1000, 1000, 1000, 1000, 1000, 1000, 0]),
        ["eng", "rus", "arb", "cmn", "tha", "xxx", "eng"],
    ).tolist()
    assert chinese > thai > arabic > russian
    assert chinese > 2 * english
    assert 200 < english < unknown * 1.2
    assert empty == 0


def test_any_text_has_a_token() -> None:
    assert estimated_tokens(np.array([1]), ["eng"]).tolist() == [1]


def test_bytes_follow_the_script() -> None:
    assert bytes_per_character("eng") < 1.05
    assert 1.6 < bytes_per_character("rus") < 2.0
    assert 2.4 < bytes_per_character("cmn") < 3.0
