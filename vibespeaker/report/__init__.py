"""One page for one or several runs: scores, pictures, ablations, cost; HTML that works offline, and Markdown."""
