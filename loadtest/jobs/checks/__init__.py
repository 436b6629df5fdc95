"""What `loadtest doctor` looks at: each check is a function that returns what it found, and what to do about it."""
