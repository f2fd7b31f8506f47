"""Names of the statistics of a text, by the module that computes them."""

VOCABULARY = (
    "mean_word_length",
    "longest_word",
    "alphabetic_word_ratio",
    "uppercase_word_ratio",
    "stop_word_count",
    "stop_word_ratio",
)

WORD_ORDER = ("shuffle_log_odds",)

LINES = (
    "line_count",
    "bullet_line_ratio",
    "ellipsis_line_ratio",
    "terminal_punctuation_line_ratio",
    "short_line_ratio",
    "newline_word_ratio",
    "duplicate_line_ratio",
    "duplicate_line_char_ratio",
    "duplicate_paragraph_ratio",
    "duplicate_paragraph_char_ratio",
    "char_duplicate_ratio",
    "hash_word_ratio",
    "ellipsis_word_ratio",
)

SENTENCES = ("sentence_count",)

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)
NGRAMS = (
    *(f"top_{n}gram_char_ratio" for n in TOP),
    *(f"duplicate_{n}gram_char_ratio" for n in DUPLICATE),
)

PHRASES = (
    "has_lorem_ipsum",
    "has_curly_bracket",
    "javascript_line_count",
    "policy_line_count",
)

COLUMNS = (
    "word_count",
    *VOCABULARY,
    *WORD_ORDER,
    *LINES,
    *SENTENCES,
    *NGRAMS,
    *PHRASES,
)
