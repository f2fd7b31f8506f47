"""What words in class, id, role and itemprop say about an element.

Two sources: kinds, listed here, and log-odds, learnt from labelled pages and
shipped with the weights. Both are looked up by the word's 64-bit hash.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.html.blocks.layout import DICTIONARY_SLOTS
from tamis.html.blocks.read.tags import fnv1a, open_addressing

WORDS_OF_KIND: Final[dict[str, str]] = {
    "comment": "comment comments commentlist commentary commenter disqus reply replies "
    "respond discussion kommentar kommentare komentarz komentarze commentaire "
    "commentaires comentario comentarios commenti reacties livefyre review reviews reviewer ratings",
    "navigation": "nav navi navigation navbar menu submenu menubar breadcrumb "
    "breadcrumbs crumbs toolbar tabs pagination pager paging sitemap topnav",
    "footer": "footer foot copyright colophon legal imprint bottom contentinfo",
    "related": "related recommended recommendation recommendations similar popular "
    "trending latest recent teaser teasers next also carousel slider mostread more",
    "overlay": "modal popup overlay lightbox notice alert dialog tooltip cookie cookies "
    "consent gdpr onetrust didomi cmp ccpa privacy",
    "byline": "byline author authors date time published posted timestamp dateline "
    "credit meta",
    "caption": "caption image photo gallery picture figure thumbnail video player",
    "post": "post posts message thread topic forum question answer",
}
KIND_NAMES: Final[tuple[str, ...]] = tuple(WORDS_OF_KIND)

Dictionary = tuple[NDArray[np.uint64], NDArray[np.float32], NDArray[np.uint32]]


def dictionary(log_odds: dict[int, float]) -> Dictionary:
    """Log-odds (by the word's hash) and bits of kinds of every known word, by slot.

    Raises ValueError if more than half of the DICTIONARY_SLOTS would be taken.
    """
    kinds = dict.fromkeys(log_odds, 0)
    for bit, words in enumerate(WORDS_OF_KIND.values()):
        for word in words.split():
            key = fnv1a(word.encode())
            kinds[key] = kinds.get(key, 0) | 1 << bit
    if len(kinds) > DICTIONARY_SLOTS // 2:
        raise ValueError(f"{len(kinds)} words are more than the dictionary takes")
    keys, places = open_addressing(list(kinds), DICTIONARY_SLOTS)
    scores = np.zeros(DICTIONARY_SLOTS, np.float32)
    bits = np.zeros(DICTIONARY_SLOTS, np.uint32)
    scores[places] = [log_odds.get(key, 0.0) for key in kinds]
    bits[places] = list(kinds.values())
    return keys, scores, bits
