words = input().split()
nums = [len(w) for w in words]
print(len(set(nums)))
