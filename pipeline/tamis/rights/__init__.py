"""What a page and its HTTP response say about their use: reservations and licences.

Pure functions over text and UTF-8 buffers. Two rules hold for all of them:

    a refusal anywhere counts    a reservation in a header holds even if the page does
                                 not reserve, and the other way round
    a licence must be stated     a link to Creative Commons does not count unless it is
                                 marked as the page's licence
"""
