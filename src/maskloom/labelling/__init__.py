"""The labelling app's server side without HTTP: pictures, sessions, where to begin."""

PORT = 8471
"""Where the page is unless `maskloom label` is told another place."""
