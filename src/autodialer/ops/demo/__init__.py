"""The product on a laptop: everything real but the customers, who are played by a lab carrier."""
