import numpy as np
import pytest

from tamis.mix.kernels.weights import (
    domain_cap,
    epochs_of,
    explicit_shares,
    largest_needed,
    temperature_shares,
    wanted_tokens,
)


def test_alpha_one_keeps_the_proportions() -> None:
    shares = temperature_shares({"eng": 90.0, "fra": 10.0}, 1.0)
    assert shares == pytest.approx({"eng": 0.9, "fra": 0.1})


def test_alpha_zero_makes_languages_equal() -> None:
    shares = temperature_shares({"eng": 90.0, "fra": 10.0, "tha": 0.0}, 0.0)
    assert shares == pytest.approx({"eng": 0.5, "fra": 0.5})


def test_alpha_between_lifts_the_small() -> None:
    """p = 0.9, 0.1; square roots 0.9487 and 0.3162, which sum to 1.2649."""
    shares = temperature_shares({"eng": 90.0, "fra": 10.0}, 0.5)
    assert shares == pytest.approx({"eng": 0.75, "fra": 0.25})


def test_explicit_weights_leave_the_unnamed_out() -> None:
    shares = explicit_shares({"eng": 5.0, "fra": 5.0, "deu": 5.0}, {"eng": 3, "fra": 1})
    assert shares == {"eng": 0.75, "fra": 0.25, "deu": 0.0}


def test_without_a_budget_nothing_is_left_out() -> None:
    """English fills half of the mix with its 100 tokens; French needs 100, has 40."""
    epochs = epochs_of(
        {"eng": 100.0, "fra": 40.0},
        {"eng": 0.5, "fra": 0.5},
        budget=None,
        max_epochs=4,
    )
    assert epochs == pytest.approx({"eng": 1.0, "fra": 2.5})


def test_no_language_is_repeated_beyond_the_limit() -> None:
    epochs = epochs_of(
        {"eng": 100.0, "fra": 10.0},
        {"eng": 0.5, "fra": 0.5},
        budget=None,
        max_epochs=4,
    )
    assert epochs == pytest.approx({"eng": 1.0, "fra": 4.0})


def test_what_a_full_language_cannot_use_goes_to_the_others() -> None:
    """Of 120 tokens Thai may fill 2 x 10; the 100 left are split 3 to 1."""
    epochs = epochs_of(
        {"eng": 100.0, "fra": 100.0, "tha": 10.0},
        {"eng": 0.45, "fra": 0.15, "tha": 0.40},
        budget=120.0,
        max_epochs=2,
    )
    assert epochs == pytest.approx({"eng": 0.75, "fra": 0.25, "tha": 2.0})


def test_a_budget_beyond_all_epochs_takes_all_epochs() -> None:
    epochs = epochs_of({"eng": 10.0}, {"eng": 1.0}, budget=1e9, max_epochs=3)
    assert epochs == {"eng": 3.0}


def test_no_tokens_no_epochs() -> None:
    assert epochs_of({"eng": 0.0}, {}, budget=None, max_epochs=4) == {"eng": 0.0}


def test_what_is_wanted_is_a_share_of_the_budget_or_of_what_the_largest_fills() -> None:
    available = {"eng": 60.0, "fra": 10.0}
    share = {"eng": 0.5, "fra": 0.25, "deu": 0.25, "nld": 0.0}
    assert wanted_tokens(available, share, budget=80.0) == {
        "eng": 40.0,
        "fra": 20.0,
        "deu": 20.0,
    }
    assert wanted_tokens(available, share, budget=None) == {
        "eng": 60.0,
        "fra": 30.0,
        "deu": 30.0,
    }
    assert wanted_tokens({}, {"deu": 1.0}, budget=None) == {"deu": 0.0}


@pytest.mark.parametrize(
    ("tokens", "max_share", "cap"),
    [
        # c = 0.25 (c + 45) -> c = 15: 15 of 60 is a quarter.
        pytest.param([100, 15, 10, 10, 10], 0.25, 15.0, id="one giant"),
        pytest.param([10, 10, 10, 10, 10], 0.25, 12.5, id="nothing to cut"),
        # c = 0.2 (2 c + 30) -> c = 10: 10 of 50 is a fifth.
        pytest.param([50, 20, 8, 8, 8, 6], 0.2, 10.0, id="two giants"),
        pytest.param([60, 40], 0.1, 10.0, id="too few domains to reach the share"),
        # All of them at a quarter would be all of them at 1.
        pytest.param([100, 99, 100, 1], 0.25, 75.0, id="just as many as the share"),
    ],
)
def test_domain_cap(tokens: list[float], max_share: float, cap: float) -> None:
    assert domain_cap(np.array(tokens, np.float64), max_share) == pytest.approx(cap)


def test_after_the_cap_no_domain_has_more_than_its_share() -> None:
    rng = np.random.default_rng(3)
    tokens = rng.pareto(1.0, 500) * 1000
    cap = domain_cap(tokens, 0.01)
    left = np.minimum(tokens, cap)
    assert left.max() / left.sum() <= 0.01 + 1e-9
    assert cap < tokens.max()


def test_no_domains_no_cap() -> None:
    assert domain_cap(np.empty(0), 0.1) == float("inf")


def test_the_largest_domains_and_the_total_are_enough_for_a_cap() -> None:
    rng = np.random.default_rng(4)
    tokens = rng.pareto(0.7, 2000) * 1000
    for share in (0.3, 0.05, 0.002):
        largest = np.sort(tokens)[-largest_needed(share) :]
        cap = domain_cap(largest, share, float(tokens.sum()))
        assert cap == pytest.approx(domain_cap(tokens, share))


def test_tokens_without_a_domain_are_never_cut() -> None:
    """c = 0.25 (c + 75) -> c = 25: 45 of small domains, and 30 of none."""
    tokens = np.array([100.0, 15.0, 10.0, 10.0, 10.0])
    assert domain_cap(tokens, 0.25, 175.0) == pytest.approx(25.0)


@pytest.mark.parametrize("without_domain", [0.0, 500.0])
def test_crumbs_without_a_domain_cut_no_language_down(without_domain: float) -> None:
    """Half as many domains as the share asks for: a hundredth of what there was."""
    tokens = np.full(50, 1e6)
    cap = domain_cap(tokens, 0.01, 5e7 + without_domain)
    assert cap == pytest.approx(500_000, rel=1e-4)


def test_weights_are_shares_also_of_languages_without_documents() -> None:
    weights = {"eng": 0.75, "fra": 0.25}
    assert explicit_shares({"eng": 9.0, "fra": 1.0}, weights) == weights
    assert explicit_shares({"deu": 9.0}, weights) == {"deu": 0.0, **weights}
    assert explicit_shares({}, weights) == weights


@pytest.mark.parametrize(("budget", "epochs"), [(None, 1.0), (50.0, 0.5)])
def test_a_language_without_tokens_is_not_waited_for(
    budget: float | None, epochs: float
) -> None:
    available, share = {"eng": 100.0, "fra": 0.0}, {"eng": 0.5, "fra": 0.5}
    found = epochs_of(available, share, budget=budget, max_epochs=4.0)
    assert found == {"eng": epochs, "fra": 0.0}


def test_domains_without_tokens_cap_nobody_to_nothing() -> None:
    """One of 10 tokens cannot bring less than half of what is left: half of 10 it is."""
    assert domain_cap(np.array([10.0, 0.0, 0.0]), 0.5) == 5.0
