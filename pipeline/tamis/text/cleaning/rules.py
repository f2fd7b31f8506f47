"""Names of the rules for lines, in the order of their columns; see `clean`."""

C4 = ("long_word", "citation", "unpunctuated", "short", "javascript", "policy")
REFINEDWEB = ("uppercase", "number", "counter", "single_word", "button")
RULES = (*C4, *REFINEDWEB)
