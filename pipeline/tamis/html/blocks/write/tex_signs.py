"""Signs of mathematics and their commands in TeX: Greek letters, operators, relations, arrows."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tamis.compiled import kernel

_GREEK = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi . pi rho "
    "varsigma sigma tau upsilon varphi chi psi omega"
)
# Each sign and its command, without the backslash.
_COMMANDS = r"""
Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon Φ Phi Ψ Psi Ω Omega
ϑ vartheta ϕ phi ϖ varpi ϰ varkappa ϱ varrho ϵ epsilon
ℏ hbar ℑ Im ℓ ell ℘ wp ℜ Re ℵ aleph ∂ partial ∇ nabla ∞ infty ∀ forall ∃ exists ∄ nexists
∅ emptyset ∠ angle △ triangle □ square ⊤ top ⊥ perp ′ prime √ surd ∴ therefore ∵ because
∑ sum ∏ prod ∐ coprod ∫ int ∬ iint ∭ iiint ∮ oint ⋃ bigcup ⋂ bigcap ⋁ bigvee ⋀ bigwedge
⨁ bigoplus ⨂ bigotimes ± pm ∓ mp × times ÷ div · cdot ⋅ cdot ∘ circ ∙ bullet • bullet
⋆ star ∪ cup ∩ cap ⊔ sqcup ⊓ sqcap ∖ setminus ∧ wedge ∨ vee ¬ neg ⊕ oplus ⊖ ominus
⊗ otimes ⊙ odot † dagger ‡ ddagger
≤ leq ≥ geq ⩽ leqslant ⩾ geqslant ≠ neq ≈ approx ≡ equiv ∼ sim ≃ simeq ≅ cong ≐ doteq
∝ propto ≪ ll ≫ gg ≺ prec ≻ succ ⪯ preceq ⪰ succeq ∈ in ∉ notin ∋ ni ⊂ subset ⊃ supset
⊆ subseteq ⊇ supseteq ⊈ nsubseteq ⊊ subsetneq ∥ parallel ∣ mid ∤ nmid ⊢ vdash ⊨ models
← leftarrow → to ↔ leftrightarrow ↑ uparrow ↓ downarrow ⇐ Leftarrow ⇒ Rightarrow
⇔ Leftrightarrow ⇑ Uparrow ⇓ Downarrow ↦ mapsto ↪ hookrightarrow ⇌ rightleftharpoons
⟵ longleftarrow ⟶ longrightarrow ⟷ longleftrightarrow ⟸ Longleftarrow ⟹ Longrightarrow
⟺ Longleftrightarrow ⟼ longmapsto ⌈ lceil ⌉ rceil ⌊ lfloor ⌋ rfloor ⟨ langle ⟩ rangle
〈 langle 〉 rangle … ldots ⋯ cdots ⋮ vdots ⋱ ddots ‖ | { { } } % % & & # # $ $
_ _ \ backslash ^ hat{} ~ sim ℂ mathbb{C} ℕ mathbb{N} ℙ mathbb{P} ℚ mathbb{Q} ℝ mathbb{R}
ℤ mathbb{Z}
"""
# Accents above and below stand in the same table, by code points beyond Unicode.
ABOVE, BELOW = 1 << 21, 1 << 22
_ACCENTS_ABOVE = (
    "^ hat ˆ hat ̂ hat ~ tilde ˜ tilde ̃ tilde ¯ bar ‾ bar ̄ bar ̅ bar ― overline"
)
_ACCENTS_ABOVE += (
    " → vec ⃗ vec . dot ˙ dot ̇ dot ¨ ddot ̈ ddot ˇ check ˘ breve ⏞ overbrace"
)
_ACCENTS_BELOW = "_ underline ̲ underline ¯ underline ― underline ⏟ underbrace"


def _commands(words: list[str], offset: int = 0) -> dict[int, str]:
    pairs = zip(words[::2], words[1::2], strict=True)
    return {ord(sign) + offset: f"\\{name}" for sign, name in pairs}


_TABLE_OF_TEX: Final = (
    {
        ord("α") + place: f"\\{name}"
        for place, name in enumerate(_GREEK.split())
        if name != "."
    }
    | _commands(_COMMANDS.split())
    | {ord("−"): "-", ord("∗"): "*", ord("∕"): "/", ord("∶"): ":"}
    | _commands(_ACCENTS_ABOVE.split(), ABOVE)
    | _commands(_ACCENTS_BELOW.split(), BELOW)
)
_CODES: Final = np.array(sorted(_TABLE_OF_TEX), np.int64)
LONGEST_NAME: Final = max(map(len, _TABLE_OF_TEX.values()))
_TEXTS: Final = np.frombuffer(
    "".join(_TABLE_OF_TEX[code] for code in sorted(_TABLE_OF_TEX)).encode(), np.uint8
)
# Where the TeX of each begins, and where that of the last ends.
_STARTS: Final = np.cumsum(
    [0, *(len(_TABLE_OF_TEX[code]) for code in sorted(_TABLE_OF_TEX))], dtype=np.int64
)


@kernel
def tex_of(code: int) -> NDArray[np.uint8]:
    """What stands for a character in TeX; empty: the character itself."""
    index = np.searchsorted(_CODES, code)
    if index == len(_CODES) or _CODES[index] != code:
        return _TEXTS[:0]
    return _TEXTS[_STARTS[index] : _STARTS[index + 1]]
