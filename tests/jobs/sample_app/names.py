BRIEF = [f"sample_brief_{number}" for number in range(12)]
