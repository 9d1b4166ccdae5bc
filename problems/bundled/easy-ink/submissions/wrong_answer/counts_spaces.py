n = int(input())
print(len(input().strip()))
