"""How work runs, and how it tells of itself: progress, cancellation, jobs."""
