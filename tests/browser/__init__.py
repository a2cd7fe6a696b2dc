"""Browser journeys: a package, so that one browser and one web process serve all of them."""
