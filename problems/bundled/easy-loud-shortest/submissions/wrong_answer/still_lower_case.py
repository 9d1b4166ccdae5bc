print(min(input().split(), key=len))
