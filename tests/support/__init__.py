"""What tests share: small data, runs, studies and drawings, and a browser under remote control."""
