"""What every tool here produces: findings and reports, and their renderings."""
