# Nothing is built from this folder yet.
