"""From a corpus folder to checked, combined, cleaned and split manifests."""
