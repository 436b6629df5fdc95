"""What makes a site of docs/: pages from the code, and links that lead out of docs/."""
