"""What every probe shares: running checks, making findings, redaction, signals, report files and output."""
