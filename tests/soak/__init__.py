"""A long run on real parts with a fault every minute, judged by the carrier and the database."""
