"""THE SAME PLAN ELSEWHERE: a plan, or all of them, as text and pictures. Pure."""
