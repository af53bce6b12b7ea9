"""Simulated episodes on disk: what is stored of a frame, WebDataset shards, LeRobot data sets, pictures of them."""
