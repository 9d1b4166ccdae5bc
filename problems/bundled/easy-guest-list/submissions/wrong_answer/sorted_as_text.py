for x in sorted(set(input().split())):
    print(x)
