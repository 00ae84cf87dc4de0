"""What is in a corpus: utterances by emotion and split, and how the features of a cache tell the emotions apart."""
