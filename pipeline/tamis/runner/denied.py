"""The denial list that holds for a run: that of its corpus, or of its own folder."""

from typing import NamedTuple

from tamis.denials.state import Place, place_of_list
from tamis.recipe.load import Recipe
from tamis.stages.deny import Deny
from tamis.stages.mix_corpus import MixCorpus


class Denying(NamedTuple):
    """The recipe with `deny` in front of its mix, and where the list is."""

    recipe: Recipe
    place: Place | None


def with_denials(recipe: Recipe) -> Denying:
    """The recipe as it is run. Without a list it is as it was written."""
    root = recipe.denials or recipe.output
    place = place_of_list(root, recipe.storage_options)
    stages = [stage for stage in recipe.stages if not isinstance(stage, Deny)]
    if place is None:
        return Denying(recipe, None)
    deny = Deny(folder=root, tag=place.tag, storage_options=recipe.storage_options)
    at = next((n for n, s in enumerate(stages) if isinstance(s, MixCorpus)), None)
    if at is not None:
        stages.insert(at, deny)
    return Denying(recipe.model_copy(update={"stages": tuple(stages)}), place)
