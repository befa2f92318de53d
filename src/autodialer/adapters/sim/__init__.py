"""A seeded switch, carrier and clock: thousands of calls in a second, each run repeatable."""
