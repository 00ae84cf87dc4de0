"""What several processes of one command do: who works on what, and that none outlives its parent."""
