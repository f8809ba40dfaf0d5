"""How the page is served: listening, connections with bounds, who may be answered, files."""
