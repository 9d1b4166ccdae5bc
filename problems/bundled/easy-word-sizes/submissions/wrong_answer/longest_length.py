# Right only where every length up to the longest occurs.
print(max(len(w) for w in input().split()))
