print(len(set(input().split())))
