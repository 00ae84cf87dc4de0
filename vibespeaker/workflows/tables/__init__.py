"""Tables of a paper remade: what is missing is trained, and published figures stand beside ours."""
