"""The pictures in the documents: made from the running program, never by hand."""
