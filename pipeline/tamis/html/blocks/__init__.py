"""Main text of a page by classifying its blocks, in one pass and a few small trees.

    read      tags, attributes, characters, raw_text -> tree, text_runs, open_block
              -> tokenizer: elements, blocks and spans in a workspace (layout)
    describe  dictionary, paths, regions -> features
    decide    weights, decide
    write     write -> plain, markdown; shells for pages that a script would fill
    use       kernel: a page; engine: what extract_text calls; explain: why

Trained by tamis.training.extractor.train; see CARD.md and docs/extraction.md.
"""
