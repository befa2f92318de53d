"""The asyncio shell around the domain: reads events, decides by `domain`, commits, acts."""
