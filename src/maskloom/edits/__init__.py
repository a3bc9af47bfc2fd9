"""What people do to labels: operations of 256² tiles, the document that they change, and its JSON.

`operations` are what is stored and sent; a `document` is a sample of one layer that takes them;
`gestures` make them. The page has the same in `web/core`, held together by `tests/cases`. How they
are kept is `store/project`.
"""
