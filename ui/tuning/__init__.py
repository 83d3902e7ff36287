"""The Tune page: the search space, a tuning job's charts and leaderboard, a comparison."""
