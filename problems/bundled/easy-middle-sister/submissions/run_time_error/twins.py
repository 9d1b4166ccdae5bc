# Forgets that two of the sisters may have the same age.
print(sorted(set(map(int, input().split())))[1])
