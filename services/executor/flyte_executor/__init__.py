"""What happens next: the service that folds the log of runs, decides, and places attempts."""
