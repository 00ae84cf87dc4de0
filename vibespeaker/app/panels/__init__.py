"""What the page shows of an answer: one file for each panel, a function of the answer that draws it."""
