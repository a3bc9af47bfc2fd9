"""The labelling app's server side without HTTP: pictures, sessions, where to begin."""
