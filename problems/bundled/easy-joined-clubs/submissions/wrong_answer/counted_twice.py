n = int(input())
print(len(set(input().split())) + len(set(input().split())))
