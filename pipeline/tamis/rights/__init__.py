"""What a page and its HTTP response say of their own use: reservations and licences.

Pure functions over text and UTF-8 buffers. Two rules hold for all of them:

    a refusal anywhere counts    a header that reserves is not outdone by a page that
                                 does not, nor the other way round
    a licence must be stated     a link to Creative Commons that nothing marks as the
                                 page's licence is none
"""
