"""The label server over HTTP: `app` puts it together, one module per noun adds its routes.

`guard` is before all of them, `page` serves the files of `web/`. What they do is `labelling/`;
`faces/label.py` starts the server.
"""
